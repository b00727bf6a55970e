// A chat in Telegram, written to by a bot.
local marks = import 'alerting/marks.libsonnet';
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';

// Alertmanager cuts at 4096 characters, and Telegram refuses a message that was cut within a tag: nothing may grow.
local short = { escape: marks.lookalike, most: 3, long: 300, far: 700 };
{
  options: option.of('A chat in Telegram.', ['token_file', 'chat'], {
    token_file: option.file("the bot's token"),
    chat: { description: 'The number of the chat; that of a group is negative.', type: 'integer', examples: [-1001234567890] },
    thread: { description: 'The number of a topic within the group.', type: 'integer', examples: [17] },
    silent: { description: 'Deliver without a sound.', type: 'boolean', default: false },
  }),
  needs: '0.26',
  since: { thread: '0.28' },
  texts: message(short {
    name: 'telegram',
    queried: '',  // within an address, HTML's templates do so themselves
    link(text, url): '<a href="%s">%s</a>' % [url, text],
  }) + message(short { name: 'telegram.plain' }),
  build(options, target):
    // Before 0.28 it is not said that the text is HTML, and people would see the tags.
    local form = if target < 28 then 'telegram.plain' else 'telegram';
    local title = '{{ template "deckwatch.%s.title" . }}' % form;
    {
      telegram_configs: [
        option.tells(options) {
          bot_token_file: options.token_file,
          chat_id: options.chat,
          parse_mode: if target < 28 then '' else 'HTML',
          message: (if target < 28 then title else '<b>%s</b>' % title) + '\n{{ template "deckwatch.%s.text" . }}' % form,
          disable_notifications: std.get(options, 'silent', false),
        } + (if 'thread' in options then { message_thread_id: options.thread } else {}),
      ],
    },
}
