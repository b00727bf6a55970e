// The texts of a message in one markup format, as templates for Alertmanager 0.25 and newer: what is wrong, how severe,
// since when and since which deploy, and links. Names and labels may contain anything: all outside text passes through
// `deckwatch.NAME.value`, which removes the format's marks and line breaks.
//
// format: {
//   name,
//   escape: [[regular expression, replacement]],   // characters with a meaning in this format
//   link(text, url): the markup of a link,
//   line: the line break,                           // '\n' by default
//   most: alerts listed individually, long: characters of each,
//   far: maximum length of an address that is linked,
// }
// It defines deckwatch.NAME.title, deckwatch.NAME.text and deckwatch.NAME.value, and uses deckwatch.alertmanager, the
// address of Alertmanager.
local go(text) = std.escapeStringJson(text);

// Line breaks and right-to-left overrides can deceive without any markup.
local oneLine = [['[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]+', ' ']];

local define(name, text) = '{{ define "deckwatch.%s" -}}\n%s\n{{- end }}\n' % [name, text];

local plain = { escape: [], line: '\n', most: 5, long: 600, far: 1500, link(text, url): '%s: %s' % [text, url] };

// Labels of the rule, which a silence does not need; and those of escalation, so that it covers the steps too.
local own = std.join(' ', [go(label) for label in ['severity', 'owner', 'topic', 'escalation', 'escalation_step']]);

// A link, where the address is complete, short enough and without characters that would end it early.
local guarded(url, shown, far) =
  '{{ with %s }}{{ if match "^https?://[-A-Za-z0-9._~:/?#@!$&*+,;=%%]+$" . }}{{ if lt (len .) %d }}%s{{ end }}{{ end }}{{ end }}' % [url, far, shown];

function(options)
  local format = plain + options;
  local name = format.name;
  local value(of) = '{{ with %s }}{{ template "deckwatch.%s.value" . }}{{ end }}' % [of, name];
  local replaced = [
    'reReplaceAll %s %s' % [go(pair[0]), go(pair[1])]
    for pair in format.escape
  ];
  local line = format.line;
  local silence =
    '{{ template "deckwatch.alertmanager" $ }}/#/silences/new?filter=%7B{{ range $i, $pair := ($.CommonLabels.Remove (stringSlice ' + own + ')).SortedPairs }}'
    + '{{ if $i }}%2C{{ end }}{{ .Name }}%3D{{ printf "%q" .Value ' + std.get(format, 'queried', '| urlquery | reReplaceAll "\\\\+" "%20"') + ' }}{{ end }}%7D';
  define(name + '.value', '{{ reReplaceAll %s %s . | printf "%%.%ds" | %s }}' % [
    go(oneLine[0][0]), go(oneLine[0][1]), format.long,
    std.join(' | ', replaced + ['printf "%s"']),
  ])
  + define(name + '.title',
           '{{ if eq .Status "firing" }}{{ with .CommonLabels.escalation }}UNACKNOWLEDGED {{ end }}{{ with .CommonLabels.severity }}{{ toUpper . }}{{ else }}ALERT{{ end }}{{ else }}OVER{{ end }}: '
           + '{{ if .CommonLabels.alertname }}' + value('.CommonLabels.alertname') + '{{ else }}{{ len .Alerts }} alerts{{ end }}'
           + '{{ with .CommonLabels.instance }} on ' + value('.') + '{{ end }}'
           + '{{ with (or .CommonLabels.name .CommonLabels.service .CommonLabels.server .CommonLabels.component .CommonLabels.mountpoint) }}{{ if ne . $.CommonLabels.instance }}, ' + value('.') + '{{ end }}{{ end }}'
           + '{{ if and .CommonLabels.alertname (gt (len .Alerts) 1) }} ({{ len .Alerts }} in all){{ end }}')
  + define(name + '.text',
           '{{ range $i, $alert := .Alerts.Firing }}{{ if lt $i %d }}' % format.most
           + value('(or .Annotations.description .Annotations.summary .Labels.alertname)') + line
           + 'Since {{ .StartsAt.UTC.Format "15:04 UTC on 2 January" }}.'
           + '{{ with .Annotations.deploy }} Deployed: ' + value('.') + '.{{ end }}' + line
           + '{{ end }}{{ end }}'
           + '{{ if gt (len .Alerts.Firing) %d }}And more: {{ len .Alerts.Firing }} in all.%s{{ end }}' % [format.most, line]
           + '{{ range $i, $alert := .Alerts.Resolved }}{{ if lt $i %d }}' % format.most
           + 'Over: ' + value('(or .Annotations.description .Annotations.summary .Labels.alertname)') + line
           + '{{ end }}{{ end }}'
           + '{{ range $i, $alert := .Alerts.Firing }}{{ if eq $i 0 }}'
           + guarded('.Annotations.dashboard_url', format.link('Dashboard', '{{ . }}') + line, format.far)
           + guarded('.Annotations.runbook_url', format.link('What to do', '{{ . }}') + line, format.far)
           + '{{ $short := true }}{{ range $.CommonLabels.Values }}{{ if gt (len .) %d }}{{ $short = false }}{{ end }}{{ end }}' % (if format.far < 1000 then 40 else 200)
           + '{{ if $short }}' + format.link('Silence', silence) + line + '{{ end }}'
           + '{{ end }}{{ end }}')
