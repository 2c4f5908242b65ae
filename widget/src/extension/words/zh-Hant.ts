/** Chinese in traditional characters: the words of the browser extension. */

import type { ExtensionWords } from "./words.js";

export const WORDS: ExtensionWords = {
  tag: "zh-Hant",
  direction: "ltr",
  name: "Unwalled：幫助人們自由閱讀",
  description: "瀏覽器開啟期間，讓它成為通路，幫助遭某家新聞編輯部封鎖在外的人。",
  title: "幫助人們自由閱讀，您忙別的事時也可以",
  lead: "在一些國家，人們無法造訪您信任的新聞編輯部。在這裡填寫它，您的瀏覽器開啟期間就會成為他們的通路。在您填寫之前不會傳送任何內容，在您開啟開關之前不會幫助任何人。",
  sentence: "此瀏覽器開啟期間，會在您選擇的新聞編輯部與遭封鎖的讀者之間傳遞加密資料。您看不到他們讀的內容；他們閱讀的網站看到的是編輯部的位址，絕不是您的位址。",
  stops: "它絕不違背您的意願繼續執行：您可以隨時停止，關閉瀏覽器即結束。",
  keep: "瀏覽器重新啟動時繼續",
  keepNote: "這只儲存在您的瀏覽器中；關閉開關即可撤銷。",
  address: "編輯部設有開關的頁面位址",
  use: "選擇",
  looking: "正在詢問 {host}…",
  chosen: "您選擇了 {host}。開啟開關即可幫助。",
  noAddress: "這不是伺服器位址，例如 https://bridge.example。",
  noOperator: "{host} 有回應，但不是可以用來幫助讀者的伺服器。",
  unreachable: "無法連線 {host}。位址正確嗎？您在線上嗎？",
  whom: "您在幫助 {host}。",
  nobody: "您還沒有選擇幫助誰。",
  choose: "選擇新聞編輯部",
};
