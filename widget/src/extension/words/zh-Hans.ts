/** Chinese in simplified characters: the words of the browser extension. */

import type { ExtensionWords } from "./words.js";

export const WORDS: ExtensionWords = {
  tag: "zh-Hans",
  direction: "ltr",
  name: "Unwalled：帮助人们自由阅读",
  description: "浏览器打开期间，让它成为通路，帮助访问某家新闻编辑部被封锁的人。",
  title: "帮助人们自由阅读，您忙别的事时也可以",
  lead: "在一些国家，人们无法访问您信任的新闻编辑部。在这里填写它，您的浏览器打开期间就会成为他们的通路。在您填写之前不会发送任何内容，在您打开开关之前不会帮助任何人。",
  sentence: "此浏览器打开期间，会在您选择的新闻编辑部与访问被封锁的人之间传递加密数据。您看不到他们读的内容；他们阅读的网站看到的是编辑部的地址，绝不是您的地址。",
  stops: "它绝不违背您的意愿继续运行：您可以随时停止，关闭浏览器即结束。",
  keep: "浏览器重新启动时继续",
  keepNote: "这只存储在您的浏览器中；关闭开关即可撤销。",
  address: "编辑部带有开关的页面地址",
  use: "选择",
  looking: "正在询问 {host}…",
  chosen: "您选择了 {host}。打开开关即可帮助。",
  noAddress: "这不是服务器地址，例如 https://bridge.example。",
  noOperator: "{host} 有回应，但不是可以用来帮助读者的服务器。",
  unreachable: "无法连接 {host}。地址正确吗？您在线吗？",
  whom: "您在帮助 {host}。",
  nobody: "您还没有选择帮助谁。",
  choose: "选择新闻编辑部",
};
