/** Vietnamese: the words of the browser extension. */

import type { ExtensionWords } from "./words.js";

export const WORDS: ExtensionWords = {
  tag: "vi",
  direction: "ltr",
  name: "Unwalled: giúp mọi người đọc tự do",
  description: "Cho những người bị chặn truy cập một tòa soạn mượn trình duyệt của bạn làm lối đi, khi nó đang mở.",
  title: "Giúp mọi người đọc tự do, cả khi bạn làm việc khác",
  lead: "Ở một số nước, người ta không vào được tòa soạn mà bạn tin cậy. Hãy nêu tên ở đây, và trình duyệt của bạn sẽ là lối đi cho họ khi nó đang mở. Không có gì được gửi đi trước khi bạn nêu tên, và không ai được giúp trước khi bạn bật công tắc.",
  sentence: "Khi trình duyệt này mở, nó chuyển dữ liệu đã mã hóa giữa tòa soạn bạn đã chọn và những người bị chặn truy cập. Bạn không thể thấy họ đọc gì, còn các trang họ đọc thấy địa chỉ của tòa soạn, không bao giờ thấy địa chỉ của bạn.",
  stops: "Nó không bao giờ tiếp tục trái ý bạn: bạn có thể dừng bất cứ lúc nào, và đóng trình duyệt là kết thúc.",
  keep: "Tiếp tục khi trình duyệt khởi động lại",
  keepNote: "Điều này chỉ được lưu trong trình duyệt của bạn; tắt công tắc là hủy.",
  address: "Địa chỉ trang của tòa soạn có công tắc",
  use: "Chọn",
  looking: "Đang hỏi {host}…",
  chosen: "Bạn đã chọn {host}. Hãy bật công tắc để giúp.",
  noAddress: "Đây không phải là địa chỉ của máy chủ, như https://bridge.example.",
  noOperator: "{host} có trả lời, nhưng không phải là máy chủ mà qua đó có thể giúp người đọc.",
  unreachable: "Không kết nối được với {host}. Địa chỉ có đúng không, và bạn có đang trực tuyến không?",
  whom: "Bạn đang giúp {host}.",
  nobody: "Bạn chưa chọn giúp ai.",
  choose: "Chọn một tòa soạn",
};
