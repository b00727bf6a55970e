// SMS, or whatever listens to a topic, by Amazon SNS.
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('SMS by Amazon SNS. Its keys come from the environment of Alertmanager, or from its role.', ['region'], {
    region: option.text('The region, such as eu-central-1.'),
    phone: {
      description: 'The number that is written to, with the code of its country.',
      type: 'string',
      title: 'a number such as "+4930123456"',
      pattern: '^\\+[1-9][0-9]{5,14}$',
    },
    topic: {
      description: 'Instead of a number: the ARN of a topic.',
      type: 'string',
      title: 'an ARN such as arn:aws:sns:eu-central-1:123456789012:alerts',
      pattern: '^arn:[^\\s]+$',
    },
    profile: option.text("A profile of AWS' configuration, such as alerting, instead of keys in the environment."),
    role: option.text('The role that is taken on, by its ARN, such as arn:aws:iam::123456789012:role/alerting.'),
    url: option.url('Where SNS answers, for an address other than its usual one.', 'https://sns.eu-central-1.amazonaws.com'),
  }) {
    examples: [{ region: 'eu-central-1', phone: '+4930123456' }],
    'if': { required: ['phone'] },
    'then': { properties: { topic: false } },
    'else': { required: ['topic'] },
  },
  since: {},
  // Alertmanager cuts at 1600 bytes, within a letter if it so falls; and other letters than these double the price.
  texts: message({ name: 'sns', escape: [['[^ -~]', '?']], most: 2, long: 120, far: 300 }),
  build(options, target): {
    sns_configs: [
      option.tells(options) {
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
