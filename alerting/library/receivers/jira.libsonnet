// Jira: one issue per group of alerts, reopened and resolved with it.
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';

// Jira's own markup: a backslash escapes most marks, but two of them are a line break.
local wiki = [['\\\\', '/'], ['[*_?^~{}\\[\\]!|#+-]', '\\${0}'], ['[<>]', "'"]];
{
  options: option.of('Issues in Jira.', ['server', 'project', 'type'], {
    server: option.url("Jira's address.", 'https://example.atlassian.net'),
    project: option.text('The key of the project, such as OPS.'),
    type: option.text('The type of the issues, such as Bug.'),
    user: option.text('The name to log in with, such as deckwatch; in the cloud the email address.'),
    password_file: option.file('the password, or in the cloud an API token'),
    token_file: option.file('a personal access token, instead of a user'),
    resolve: option.text('The transition that closes an issue, such as Done; by default it stays open.'),
    reopen: option.text('The transition that reopens it, such as Reopen.'),
  }) {
    examples: [{ server: 'https://example.atlassian.net', project: 'OPS', type: 'Bug', token_file: '/run/secrets/jira' }],
    dependentRequired: { user: ['password_file'], password_file: ['user'] },
    'if': { required: ['user'] },
    'then': { properties: { token_file: false } },
    'else': { required: ['token_file'] },
  },
  needs: '0.28',
  examples: [
    {
      server: 'https://jira.example/',
      project: 'OPS',
      type: 'Bug',
      user: 'd',
      password_file: '/run/secrets/jira',
      resolve: 'Done',
    },
    { server: 'https://jira.example', project: 'OPS', type: 'Bug', token_file: '/run/secrets/jira', reopen: 'Reopen' },
  ],
  texts: message({ name: 'jira', escape: wiki, link(text, url): '[%s|%s]' % [text, url] })
         + message({ name: 'jira.plain' }),
  build(options, target): {
    jira_configs: [
      option.notify_flags(options) {
        // Version 3 of the API requires descriptions as JSON; the cloud supports version 2 as well.
        api_url: std.rstripChars(options.server, '/') + '/rest/api/2',
        http_config: if 'user' in options
        then { basic_auth: { username: options.user, password_file: options.password_file } }
        else { authorization: { credentials_file: options.token_file } },
        project: options.project,
        issue_type: options.type,
        summary: '{{ template "deckwatch.jira.plain.title" . }}',
        description: '{{ template "deckwatch.jira.text" . }}',
        priority: '{{ with .CommonLabels.severity }}{{ if eq . "critical" }}High{{ else if eq . "error" }}High{{ else if eq . "warning" }}Medium{{ else }}Low{{ end }}{{ else }}Medium{{ end }}',
        labels: ['deckwatch'],
        [if 'resolve' in options then 'resolve_transition']: options.resolve,
        [if 'reopen' in options then 'reopen_transition']: options.reopen,
      },
    ],
  },
}
