// Microsoft Teams: a channel, by a workflow with a webhook.
local marks = import 'alerting/marks.libsonnet';
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('A channel in Microsoft Teams.', ['url_file'], {
    url_file: option.file("the address of the channel's workflow"),
    connector: {
      description: 'The address is one of the older connectors (webhook.office.com), which Microsoft is retiring.',
      type: 'boolean',
      default: false,
    },
  }),
  // Connectors exist since 0.26, but no version before 0.28 reads their address from a file.
  needs: '0.28',
  examples: [{ url_file: '/run/secrets/teams' }, { url_file: '/run/secrets/teams', connector: true }],
  texts: message({
    name: 'teams',
    escape: marks.lookalike + marks.replaced,
    line: '\n\n',
    link(text, url): '[%s](%s)' % [text, url],
  }),
  build(options, target): {
    [if std.get(options, 'connector', false) then 'msteams_configs' else 'msteamsv2_configs']: [
      option.notify_flags(options) {
        webhook_url_file: options.url_file,
        title: '{{ template "deckwatch.teams.title" . }}',
        text: '{{ template "deckwatch.teams.text" . }}',
      },
    ],
  },
}
