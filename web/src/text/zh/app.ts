/** Words of every page. */
import type { app as english } from '../en/app';

export const app: typeof english = {
  product: 'Tacho',

  units: {
    day: '天',
    hour: '小时',
    minute: '分',
    second: '秒',
    millisecond: '毫秒',
    between: '',
    counts: [
      [1e12, '万亿'],
      [1e8, '亿'],
      [1e4, '万'],
    ],
  },

  common: {
    close: '关闭',
    retry: '重试',
    clear: '清除',
    loading: '正在加载',
    copy: '复制',
    copied: '已复制',
    cancel: '取消',
    columns: '列',
    reset: '恢复默认',
  },

  header: {
    nav: '页面',
    fleet: '主机群',
    alerts: (firing: number) => `${String(firing)} 条告警`,
    storage: '存储',
    access: '权限',
    find: '查找',
    live: '实时',
    liveHint: '快照一采集就送达',
    connecting: '正在连接',
    lost: '离线',
    lostHint: '与服务器的连接已断开。页面显示最后已知的内容，并不断重试。',
    help: '键盘与鼠标帮助',
    theme: { light: '切换到浅色', dark: '切换到深色' },
    account: (user: string) => `已登录：${user}`,
    signOut: '退出登录',
  },

  settings: {
    zone: '时区',
    zones: { browser: '浏览器时区', utc: 'UTC' },
    language: '语言',
    contrast: '高对比度',
  },

  palette: {
    label: '查找页面、主机、进程或操作',
    hint: '主机、页面、进程、操作',
    none: '没有匹配的内容。',
    groups: {
      page: '页面',
      host: '主机',
      process: '表中的进程',
      time: '时间',
      action: '操作',
      zone: '时区',
    },
    scheme: '深色或浅色',
    highContrast: '高对比度',
    normalContrast: '普通对比度',
    print: '打印本页',
  },

  jump: {
    forward: '向后跳转',
    back: '向前跳转',
    label: '跳多远，或跳到何时',
    hint: '1h',
    examples: '1h 30m · -2d · 03:12 · 昨天 3:00 · 2026-11-20 22:00',
    go: '跳转',
  },

  signIn: {
    heading: '登录',
    tagline: '是哪个进程干的？',
    user: '用户',
    password: '密码',
    submit: '登录',
    hint: '新服务器会把 “admin” 的密码写入其数据目录中的 initial-password 文件。',
    wrong: '用户名或密码错误。',
    tooMany: '尝试次数过多，请稍后再试。',
  },

  errors: {
    offline: {
      title: '服务器没有响应',
      detail: '页面会自动重试。请检查 tacho-server 是否在运行、是否可以访问。',
    },
    notFound: (host: string) => ({
      title: `没有主机 “${host}”`,
      detail: '它从未加入，或已从主机群中移除。',
    }),
    failed: (message: string) => ({ title: '操作失败', detail: message }),
    crashed: {
      title: '页面自身出错',
      detail: '请重新加载。如果再次出现，下面的文字有助于找到原因。',
      reload: '重新加载',
    },
    unknownPage: { title: '此地址没有内容', back: '前往主机群' },
  },

  state: { up: '在线', silent: '静默', down: '离线' },

  help: {
    title: '键盘与鼠标',
    mouse: '图表',
    filter: '筛选',
    time: '按键：时间',
    keys: '按键：页面',
    mouseRows: [
      ['移动', '进程表显示该时刻'],
      ['单击', '固定时刻；再次单击取消固定'],
      ['拖动', '选择范围：表中显示合计'],
      ['Shift 拖动', '立即放大到该范围'],
      ['双击', '缩小'],
      ['Ctrl 滚轮', '以指针为中心缩放'],
      ['Shift 滚轮', '前后移动'],
      ['单击曲线名', '只显示该曲线；按住 Shift 可多选'],
      ['单击进程', '其曲线叠加到图表上'],
    ],
    timeRows: [
      ['T  →', '下一个快照'],
      ['Shift T  ←', '上一个快照'],
      ['Shift ← →', '前后十个快照'],
      ['J', '向后跳转：1h、03:12、日期'],
      ['Shift J', '向前跳转：1h、昨天 3:00'],
      ['[ ]', '更早，更晚'],
      ['Enter', '放大到所选范围'],
      ['−', '缩小'],
      ['U', '撤销：回到之前的视图'],
      ['N', '现在：跟随新快照'],
      ['C', '与昨天、上周对比'],
      ['W', '所选范围内有何变化'],
    ],
    keyRows: [
      ['/', '筛选'],
      ['M', '图例中显示最小、平均、最大'],
      ['Esc', '清除选择、固定点、进程'],
      ['D', '深色或浅色'],
      ['?', '本帮助'],
    ],
    paletteRow: '查找任何页面、主机、进程、操作',
    filterRows: [
      ['a b', '两个词都有'],
      ['a or b', '任一'],
      ['-a  not a', '不含'],
      ['(a or b) c', '分组'],
      ['user:root', '只在一个字段中'],
      ['cpu>50%', '数字：k、m、g、%'],
    ],
  },
};
