// Amazon SNS: SMS, or a topic.
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('SMS by Amazon SNS. Credentials come from the environment or the role of Alertmanager.', ['region'], {
    region: option.text('The region, such as eu-central-1.'),
    phone: {
      description: 'The phone number, with its country code.',
      type: 'string',
      title: 'a number such as "+4930123456"',
      pattern: '^\\+[1-9][0-9]{5,14}$',
    },
    topic: {
      description: 'The ARN of a topic, instead of a phone number.',
      type: 'string',
      title: 'an ARN such as arn:aws:sns:eu-central-1:123456789012:alerts',
      pattern: '^arn:[^\\s]+$',
    },
    profile: option.text("A profile of the AWS configuration, such as alerting, instead of keys in the environment."),
    role: option.text('The ARN of the role to assume, such as arn:aws:iam::123456789012:role/alerting.'),
    url: option.url('The address of SNS, if it is not the default.', 'https://sns.eu-central-1.amazonaws.com'),
  }) {
    examples: [{ region: 'eu-central-1', phone: '+4930123456' }],
    'if': { required: ['phone'] },
    'then': { properties: { topic: false } },
    'else': { required: ['topic'] },
  },
  examples: [
    {
      region: 'eu-central-1',
      phone: '+4930123456',
      profile: 'alerts',
      url: 'https://sns.eu-central-1.amazonaws.com',
    },
    { region: 'eu-central-1', topic: 'arn:aws:sns:eu-central-1:123456789012:alerts', role: 'arn:aws:iam::1:role/a' },
  ],
  // Alertmanager truncates at 1600 bytes, even within a character; and non-ASCII characters double the price.
  texts: message({ name: 'sns', escape: [['[^ -~]', '?']], most: 2, long: 120, far: 300 }),
  build(options, target): {
    sns_configs: [
      option.notify_flags(options) {
        sigv4: { region: options.region }
               + (if 'profile' in options then { profile: options.profile } else {})
               + (if 'role' in options then { role_arn: options.role } else {}),
        subject: '{{ .Status | toUpper }} {{ or .CommonLabels.alertname .CommonLabels.instance }}',
        message: '{{ template "deckwatch.sns.title" . }}\n{{ template "deckwatch.sns.text" . }}',
      }
      + (if 'phone' in options then { phone_number: options.phone } else { topic_arn: options.topic })
      + (if 'url' in options then { api_url: options.url } else {}),
    ],
  },
}
