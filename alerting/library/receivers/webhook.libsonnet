// A program of yours that Alertmanager posts JSON to.
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('A program that takes alerts as JSON by HTTP POST.', [], {
    url: option.url(
      'Its address. One that holds a password or a key belongs into a file: see url_file.',
      'http://bot.internal:8080/alerts'
    ),
    url_file: option.file('the address'),
    text: {
      description: "Send a title, a body and a type as apprise-api reads them, instead of Alertmanager's own JSON.",
      type: 'boolean',
    },
  }) {
    examples: [{ url: 'http://bot.internal:8080/alerts' }],
    'if': { required: ['url'] },
    'then': { properties: { url_file: false } },
    'else': { required: ['url_file'] },
  },
  // The first version of Alertmanager that knows an option, where 0.25 does not.
  since: { url_file: '0.26', text: '0.32' },
  texts: message({ name: 'webhook' }),
  build(options, target): {
    webhook_configs: [
      option.tells(options)
      + (if 'url' in options then { url: options.url } else { url_file: options.url_file })
      + (
        if std.get(options, 'text', false)
        // Each text is read as YAML, and one that begins with a tab is none: see pagerduty.libsonnet.
        then {
          payload: {
            title: '\t{{ template "deckwatch.webhook.title" . }}',
            body: '\t{{ template "deckwatch.webhook.text" . }}',
            type: '{{ if eq .Status "firing" }}failure{{ else }}success{{ end }}',
          },
        }
        else {}
      ),
    ],
  },
}
