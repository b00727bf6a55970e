// A program of yours that Alertmanager posts JSON to.
{
  options: {
    description: 'A program that takes alerts as JSON by HTTP POST.',
    type: 'object',
    additionalProperties: false,
    properties: {
      url: {
        description: 'Its address. One that holds a password or a key belongs into a file: see url_file.',
        type: 'string',
        title: 'an address such as http://bot.internal:8080/alerts',
        pattern: '^https?://[^\\s/?#@]+([/?][^\\s]*)?$',
      },
      url_file: { description: 'A file that holds the address, read by Alertmanager.', type: 'string', minLength: 1 },
      resolved: { description: 'Tell also that an alert is over.', type: 'boolean', default: true },
    },
    'if': { required: ['url'] },
    'then': { properties: { url_file: false } },
    'else': { required: ['url_file'] },
  },
  // The first version of Alertmanager that knows an option, where 0.25 does not.
  since: { url_file: '0.26' },
  build(options): {
    webhook_configs: [
      { send_resolved: std.get(options, 'resolved', true) }
      + (if 'url' in options then { url: options.url } else { url_file: options.url_file }),
    ],
  },
}
