// What would mean something in a format of markup, and what stands for it in a message.
{
  // Of HTML, and of whatever takes a little of it: replaced by what looks alike, so that it is no longer in any of them.
  lookalike: [['<', '‹'], ['>', '›'], ['&', '＆'], ['"', '”'], ["'", '’'], ['\\+', '＋']],
  // Of Markdown where a backslash takes the meaning from whatever follows it.
  backslash: [['[\\\\*_~`|>#\\[\\](){}<!-]', '\\${0}'], ['@', '@\u200b']],
  // Of Markdown where a backslash may not do so.
  replaced: [['\\[', '('], ['\\]', ')'], ['[*]', '∗'], ['`', '’'], ['~', '∼'], ['@', '＠']],
}
