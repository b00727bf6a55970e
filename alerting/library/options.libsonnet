// Schemas of receiver options.
{
  // The schema of a kind; `keys` are its options.
  of(description, required, keys): {
    description: description,
    type: 'object',
    additionalProperties: false,
    required: required,
    properties: keys { resolved: $.resolved },
  },
  text(description): { description: description, type: 'string', minLength: 1 },
  file(description): { description: 'The file with %s, read by Alertmanager.' % description, type: 'string', minLength: 1, examples: ['/run/secrets/alerting'] },
  url(description, example): {
    description: description,
    type: 'string',
    title: 'an address such as ' + example,
    examples: [example],
    pattern: '^https?://[^\\s/?#@]+([/?][^\\s]*)?$',
  },
  resolved: { description: 'Also notify when an alert resolves.', type: 'boolean', default: true },
  notify_flags(options): { send_resolved: std.get(options, 'resolved', true) },
}
