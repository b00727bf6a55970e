// Options that kinds of receivers share.
{
  // An object of options; `keys` are its properties.
  of(description, required, keys): {
    description: description,
    type: 'object',
    additionalProperties: false,
    required: required,
    properties: keys { resolved: $.resolved },
  },
  text(description): { description: description, type: 'string', minLength: 1 },
  file(description): { description: 'A file that holds %s, read by Alertmanager.' % description, type: 'string', minLength: 1, examples: ['/run/secrets/alerting'] },
  url(description, example): {
    description: description,
    type: 'string',
    title: 'an address such as ' + example,
    examples: [example],
    pattern: '^https?://[^\\s/?#@]+([/?][^\\s]*)?$',
  },
  resolved: { description: 'Tell also that an alert is over.', type: 'boolean', default: true },
  tells(options): { send_resolved: std.get(options, 'resolved', true) },
}
