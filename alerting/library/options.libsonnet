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
  file(description): { description: 'The file with %s, read by Alertmanager.' % description, type: 'string', format: 'secret-file', minLength: 1, examples: ['/run/secrets/alerting'] },
  url(description, example): {
    description: description,
    type: 'string',
    format: 'uri',
    title: 'an address without a user, a password or a token, such as ' + example,
    examples: [example],
    // As page_address in deckwatch/core/address.schema.yaml.
    pattern: '^(?!.*[?&][^=&]*([Tt]oken|TOKEN|[Ss]ecret|SECRET|[Pp]assw|PASSW|[Pp]wd|[Kk]ey|KEY|[Aa]uth|AUTH|[Cc]red|[Ss]ignature)[^=&]*=[^$])https?://[^\\s/?#@]+([/?][^\\s#]*)?$',
  },
  resolved: { description: 'Also notify when an alert resolves.', type: 'boolean', default: true },
  notify_flags(options): { send_resolved: std.get(options, 'resolved', true) },
}
