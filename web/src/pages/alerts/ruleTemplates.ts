/** Texts to begin a rule with, by what it looks for. */
export const RULE_TEMPLATES: readonly (readonly [kind: string, text: string])[] = [
  [
    'threshold',
    `[[rule]]
name = "cpu-busy-here"
severity = "warning"
when = "host.cpu_used_ratio > 0.9"
for = "5m"
hosts = { name = "*" }
text = "{{host}}: {{value}} of the CPU is used"
`,
  ],
  [
    'process_hog',
    `[[rule]]
name = "hog"
when = { kind = "process_hog", cpu = 0.5, memory = 0.5 }
text = "{{host}}: {{process.name}} [{{process.pid}}] of {{process.user}} takes {{value}}"
`,
  ],
  [
    'process_watch',
    `[[rule]]
name = "database-runs"
severity = "critical"
when = { kind = "process_watch", unit = "postgresql*.service" }
hosts = { name = "db-*" }
text = "{{host}}: PostgreSQL {{text}}"
`,
  ],
  [
    'disk_filling',
    `[[rule]]
name = "data-filling"
when = { kind = "disk_filling", within = "1d", mount_point = "/data*" }
text = "{{host}}: {{entity}} {{text}}"
`,
  ],
  [
    'host_silent',
    `[[rule]]
name = "edge-silent"
severity = "critical"
when = { kind = "host_silent", after = "10m" }
hosts = { name = "edge-*" }
text = "{{host}} {{text}} for {{value}}"
`,
  ],
  [
    'event',
    `[[rule]]
name = "root-login-here"
severity = "info"
when = { kind = "login", user = "root" }
text = "{{host}}: root logged in: {{text}}"
`,
  ],
  [
    'script',
    `[[rule]]
name = "backup-failed"
severity = "critical"
when = { kind = "script", script = "backup*" }
text = "{{host}}: {{entity}}: {{text}}"
`,
  ],
];
