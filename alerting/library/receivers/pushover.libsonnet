// Pushover: push notifications on phones.
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('Push notifications on phones, by Pushover.', ['user_file', 'token_file'], {
    user_file: option.file('the key of the user or group'),
    token_file: option.file("the application's token"),
    device: option.text('The name of one device, such as phone; by default all of them.'),
    emergency: {
      description: 'Repeat critical alerts every minute for an hour, until somebody acknowledges them in Pushover.',
      type: 'boolean',
      default: false,
    },
  }),
  needs: '0.26',
  examples: [{
    user_file: '/run/secrets/user',
    token_file: '/run/secrets/token',
    device: 'phone',
    emergency: true,
  }],
  // Pushover accepts 1024 characters.
  texts: message({ name: 'pushover', most: 2, long: 300, far: 300 }),
  build(options, target):
    local worst = if std.get(options, 'emergency', false) then '2' else '1';
    {
      pushover_configs: [
        option.notify_flags(options) {
          user_key_file: options.user_file,
          token_file: options.token_file,
          title: '{{ template "deckwatch.pushover.title" . }}',
          message: '{{ template "deckwatch.pushover.text" . }}',
          url: '{{ with .CommonAnnotations.dashboard_url }}{{ . }}{{ else }}{{ template "deckwatch.alertmanager" . }}{{ end }}',
          url_title: 'Dashboard',
          priority: '{{ if eq .Status "firing" }}{{ if eq .CommonLabels.severity "critical" }}%s{{ else }}0{{ end }}{{ else }}-1{{ end }}' % worst,
          retry: '1m',
          expire: '1h',
        } + (if 'device' in options then { device: options.device } else {}),
      ],
    },
}
