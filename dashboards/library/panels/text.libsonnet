// Text in Markdown.
local theme = import '../theme.libsonnet';

{
  words: { text: 'Text in Markdown: the purpose of a dashboard, instructions.' },
  called: { markdown: 'text', note: 'text' },
  grafana: { type: 'text', name: 'Text', public: true },
  content: { type: 'string' },
  queries: '',
  height: 3,
  width: 4,
  options: {
    transparent: { description: 'Draw no box around it.', type: 'boolean', default: false },
  },
  example: { text: '## Hello', title: '' },

  panel(spec):: theme.panel(
    spec { transparent: theme.get(theme.get(spec, 'options', {}), 'transparent', false) },
    'text',
    { options: { mode: 'markdown', content: spec.content } }
  ),
}
