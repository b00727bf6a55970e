// Slack: a channel, by an incoming webhook.
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('A channel in Slack.', ['channel', 'url_file'], {
    channel: option.text('The channel, such as "#operations".'),
    url_file: option.file("the address of Slack's incoming webhook"),
  }),
  examples: [{ channel: '#shop', url_file: '/run/secrets/slack', resolved: false }],
  // https://docs.slack.dev/messaging/formatting-message-text: only these three begin a link or a mention.
  texts: message({
    name: 'slack',
    escape: [['&', '&amp;'], ['<', '&lt;'], ['>', '&gt;'], ['`', "'"]],
    link(text, url): '<%s|%s>' % [url, text],
  }),
  build(options, target): {
    slack_configs: [option.notify_flags(options) {
      api_url_file: options.url_file,
      channel: options.channel,
      title: '{{ template "deckwatch.slack.title" . }}',
      title_link: '{{ with .CommonAnnotations.dashboard_url }}{{ . }}{{ else }}{{ template "deckwatch.alertmanager" . }}{{ end }}',
      text: '{{ template "deckwatch.slack.text" . }}',
      fallback: '{{ template "deckwatch.slack.title" . }}',
      color: '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}',
      // Not the text, so that asterisks and underscores in a name are no markup.
      mrkdwn_in: ['pretext'],
    }],
  },
}
