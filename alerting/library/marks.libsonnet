// Characters with a meaning in a markup format, and their replacements in a message.
{
  // HTML and its subsets: replaced by lookalikes, which have no meaning in any of them.
  lookalike: [['<', '‹'], ['>', '›'], ['&', '＆'], ['"', '”'], ["'", '’'], ['\\+', '＋']],
  // Markdown with backslash escapes.
  backslash: [['[\\\\*_~`|>#\\[\\](){}<!-]', '\\${0}'], ['@', '@\u200b']],
  // Markdown without reliable backslash escapes.
  replaced: [['\\[', '('], ['\\]', ')'], ['[*]', '∗'], ['`', '’'], ['~', '∼'], ['@', '＠']],
}
