// A Slack channel, by an incoming webhook.
{
  options: {
    description: 'A channel in Slack.',
    type: 'object',
    additionalProperties: false,
    required: ['channel', 'url_file'],
    properties: {
      channel: { description: 'The channel, such as "#operations".', type: 'string', minLength: 1 },
      url_file: {
        description: "A file that holds the address of Slack's incoming webhook, read by Alertmanager.",
        type: 'string',
        minLength: 1,
      },
      resolved: { description: 'Tell also that an alert is over.', type: 'boolean', default: true },
    },
  },
  since: {},
  build(options): {
    slack_configs: [{
      api_url_file: options.url_file,
      channel: options.channel,
      send_resolved: std.get(options, 'resolved', true),
      title: '{{ template "deckwatch.title" . }}',
      title_link: '{{ template "deckwatch.link" . }}',
      text: '{{ template "deckwatch.text" . }}',
      fallback: '{{ template "deckwatch.title" . }}',
      color: '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}',
    }],
  },
}
