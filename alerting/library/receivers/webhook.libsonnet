// A program of yours that Alertmanager posts JSON to.
local option = import 'alerting/options.libsonnet';
{
  options: option.of('A program that takes alerts as JSON by HTTP POST.', [], {
    url: option.url(
      'Its address. One that holds a password or a key belongs into a file: see url_file.',
      'http://bot.internal:8080/alerts'
    ),
    url_file: option.file('the address'),
  }) {
    'if': { required: ['url'] },
    'then': { properties: { url_file: false } },
    'else': { required: ['url_file'] },
  },
  // The first version of Alertmanager that knows an option, where 0.25 does not.
  since: { url_file: '0.26' },
  build(options, target): {
    webhook_configs: [
      option.tells(options)
      + (if 'url' in options then { url: options.url } else { url_file: options.url_file }),
    ],
  },
}
