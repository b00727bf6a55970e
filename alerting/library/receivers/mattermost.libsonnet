// Mattermost: a channel, by an incoming webhook.
local marks = import 'alerting/marks.libsonnet';
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('A channel in Mattermost.', ['url_file'], {
    url_file: option.file("the address of Mattermost's incoming webhook"),
    channel: option.text('The channel, such as operations; by default the one of the webhook.'),
  }),
  needs: '0.30',
  examples: [{ url_file: '/run/secrets/mattermost', channel: 'operations' }],
  texts: message({
    name: 'mattermost',
    escape: [['<', '‹'], ['>', '›']] + marks.backslash,
    link(text, url): '[%s](%s)' % [text, url],
  }),
  build(options, target): {
    mattermost_configs: [option.notify_flags(options) {
      webhook_url_file: options.url_file,
      [if 'channel' in options then 'channel']: options.channel,
      // Title and colour of the message itself exist since 0.32; those of an attachment since 0.30.
      attachments: [{
        title: '{{ template "deckwatch.mattermost.title" . }}',
        title_link: '{{ with .CommonAnnotations.dashboard_url }}{{ . }}{{ else }}{{ template "deckwatch.alertmanager" . }}{{ end }}',
        fallback: '{{ template "deckwatch.mattermost.title" . }}',
        text: '{{ template "deckwatch.mattermost.text" . }}',
        color: '{{ if eq .Status "firing" }}#cc0000{{ else }}#2eb886{{ end }}',
      }],
    }],
  },
}
