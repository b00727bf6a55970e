// Email, through an SMTP server.
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('Email.', ['to', 'from', 'server'], {
    to: {
      description: 'The recipients.',
      type: ['string', 'array'],
      items: { type: 'string', minLength: 1 },
      examples: ['operations@example.com'],
    },
    from: option.text("The sender's address, such as deckwatch@example.com."),
    server: {
      description: 'The mail server, as host:port.',
      type: 'string',
      title: 'a host and a port such as mail.internal:587',
      pattern: '^[^\\s:@?#]+:[0-9]{1,5}$',
    },
    user: option.text('The name to log in with, such as deckwatch.'),
    password_file: option.file('the password'),
    tls: { description: 'Refuse a server that does not speak TLS.', type: 'boolean', default: true },
  }) {
    dependentRequired: { user: ['password_file'], password_file: ['user'] },
  },
  examples: [{
    to: ['a@example.org'],
    from: 'd@example.org',
    server: 'mail.example:25',
    user: 'd',
    password_file: '/run/secrets/mail',
    tls: true,
  }],
  texts: message({
    name: 'email',
    line: '<br>\n',
    queried: '',  // HTML templates escape addresses themselves
    link(text, url): '<a href="%s">%s</a>' % [url, text],
  }) + message({ name: 'email.plain' }),
  build(options, target): {
    email_configs: [
      option.notify_flags(options) {
        to: if std.isArray(options.to) then std.join(', ', options.to) else options.to,
        from: options.from,
        smarthost: options.server,
        require_tls: std.get(options, 'tls', true),
        headers: { Subject: '{{ template "deckwatch.email.plain.title" . }}' },
        html: '<!DOCTYPE html>\n<html><body style="font-family: sans-serif">\n<p><strong>{{ template "deckwatch.email.title" . }}</strong></p>\n<p>{{ template "deckwatch.email.text" . }}</p>\n</body></html>',
        text: '{{ template "deckwatch.email.plain.title" . }}\n\n{{ template "deckwatch.email.plain.text" . }}',
      } + (
        if 'user' in options
        then { auth_username: options.user, auth_password_file: options.password_file }
        else {}
      ),
    ],
  },
}
