// Mail, by a server that takes it.
{
  options: {
    description: 'Mail.',
    type: 'object',
    additionalProperties: false,
    required: ['to', 'from', 'server'],
    properties: {
      to: {
        description: 'The addresses that are written to.',
        type: ['string', 'array'],
        items: { type: 'string', minLength: 1 },
      },
      from: { description: "The sender's address.", type: 'string', minLength: 1 },
      server: {
        description: 'The mail server, as host:port.',
        type: 'string',
        title: 'a host and a port such as mail.internal:587',
        pattern: '^[^\\s:]+:[0-9]{1,5}$',
      },
      user: { description: 'The name to log in with.', type: 'string', minLength: 1 },
      password_file: { description: 'A file that holds the password, read by Alertmanager.', type: 'string', minLength: 1 },
      tls: { description: 'Refuse a server that does not speak TLS.', type: 'boolean', default: true },
      resolved: { description: 'Tell also that an alert is over.', type: 'boolean', default: true },
    },
    dependentRequired: { user: ['password_file'], password_file: ['user'] },
  },
  since: {},
  build(options): {
    email_configs: [
      {
        to: if std.isArray(options.to) then std.join(', ', options.to) else options.to,
        from: options.from,
        smarthost: options.server,
        require_tls: std.get(options, 'tls', true),
        send_resolved: std.get(options, 'resolved', true),
        headers: { Subject: '{{ template "deckwatch.title" . }}' },
        html: '{{ template "deckwatch.html" . }}',
      } + (
        if 'user' in options
        then { auth_username: options.user, auth_password_file: options.password_file }
        else {}
      ),
    ],
  },
}
