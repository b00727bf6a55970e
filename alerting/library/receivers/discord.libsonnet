// Discord: a channel, by its webhook.
local marks = import 'alerting/marks.libsonnet';
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('A channel in Discord.', ['url_file'], {
    url_file: option.file("the address of the channel's webhook"),
  }),
  // 0.27 has the field but refuses a configuration without webhook_url.
  needs: '0.28',
  examples: [{ url_file: '/run/secrets/discord' }],
  // Discord accepts 4096 characters; 0.28 truncates longer messages.
  texts: message({
    name: 'discord',
    escape: marks.backslash + [[':', '\\:']],
    long: 400,
    most: 3,
    far: 700,
    link(text, url): '[%s](%s)' % [text, url],
  }),
  build(options, target): {
    discord_configs: [option.notify_flags(options) {
      webhook_url_file: options.url_file,
      title: '{{ template "deckwatch.discord.title" . }}',
      message: '{{ template "deckwatch.discord.text" . }}',
    }],
  },
}
