// Telegram: a chat, by a bot.
local marks = import 'alerting/marks.libsonnet';
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';

// Alertmanager truncates at 4096 characters, and Telegram refuses a message that ends within a tag: escaping must not
// lengthen the text.
local short = { escape: marks.lookalike, most: 3, long: 300, far: 700 };
{
  options: option.of('A chat in Telegram.', ['token_file', 'chat'], {
    token_file: option.file("the bot's token"),
    chat: { description: 'The id of the chat; a group has a negative one.', type: 'integer', examples: [-1001234567890] },
    thread: { description: 'The id of a topic within the group.', type: 'integer', examples: [17] },
    silent: { description: 'Deliver without a sound.', type: 'boolean', default: false },
  }),
  needs: '0.26',
  since: { thread: '0.28' },
  examples: [
    { token_file: '/run/secrets/telegram', chat: -1001234, silent: true },
    { token_file: '/run/secrets/telegram', chat: -1001234, thread: 17 },
  ],
  texts: message(short {
    name: 'telegram',
    queried: '',  // HTML templates escape addresses themselves
    link(text, url): '<a href="%s">%s</a>' % [url, text],
  }) + message(short { name: 'telegram.plain' }),
  build(options, target):
    // Before 0.28 the text is not marked as HTML, and people would see the tags.
    local form = if target < 28 then 'telegram.plain' else 'telegram';
    local title = '{{ template "deckwatch.%s.title" . }}' % form;
    {
      telegram_configs: [
        option.notify_flags(options) {
          bot_token_file: options.token_file,
          chat_id: options.chat,
          parse_mode: if target < 28 then '' else 'HTML',
          message: (if target < 28 then title else '<b>%s</b>' % title) + '\n{{ template "deckwatch.%s.text" . }}' % form,
          disable_notifications: std.get(options, 'silent', false),
        } + (if 'thread' in options then { message_thread_id: options.thread } else {}),
      ],
    },
}
