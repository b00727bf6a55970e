// A channel in Microsoft Teams, by a workflow that takes webhooks.
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
  // The older kind is there since 0.26, but no version before this one takes its address from a file.
  needs: '0.28',
  since: {},
  texts: message({
    name: 'teams',
    escape: marks.lookalike + marks.replaced,
    line: '\n\n',
    link(text, url): '[%s](%s)' % [text, url],
  }),
  build(options, target): {
    [if std.get(options, 'connector', false) then 'msteams_configs' else 'msteamsv2_configs']: [
      option.tells(options) {
        webhook_url_file: options.url_file,
        title: '{{ template "deckwatch.teams.title" . }}',
        text: '{{ template "deckwatch.teams.text" . }}',
      },
    ],
  },
}
