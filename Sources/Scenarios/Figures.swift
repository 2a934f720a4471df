import Glibc

/// Numbers for people.
enum Figures {
  /// At most four significant decimals, without trailing zeros: `12`, `0.25`, `1.333`.
  static func short(_ value: Double) -> String {
    guard value.isFinite else { return "\(value)" }
    if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
    let digits = abs(value) >= 100 ? 1 : abs(value) >= 10 ? 2 : 3
    let scale = pow(10, Double(digits))
    let scaled = value * scale
    guard abs(scaled) < 1e15 else { return "\(value)" }
    if value != 0, abs(scaled) < 1 { return "\(value)" }
    let rounded = scaled.rounded() / scale
    return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
  }

  /// Thousands in groups: `1,234,567`.
  static func grouped(_ value: UInt64) -> String {
    var text = ""
    for (index, digit) in String(value).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }

  /// `1 report`, `2 reports`.
  static func counted(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)" + (count == 1 ? "" : "s")
  }

  /// Seconds into the replay: `+12.3s`, `+4m05s`.
  static func offset(_ seconds: Double) -> String {
    guard seconds.isFinite, abs(seconds) < 1e9 else { return "?" }
    let sign = seconds < 0 ? "-" : "+"
    let size = abs(seconds)
    if size < 120 { return sign + short((size * 10).rounded() / 10) + "s" }
    let whole = Int(size.rounded())
    let rest = whole % 60
    return "\(sign)\(whole / 60)m" + (rest < 10 ? "0" : "") + "\(rest)s"
  }
}

extension Figures {
  /// A time of day in UTC with its date: `2023-11-14 22:13:20`.
  static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, abs(seconds) < 1e11 else { return "?" }
    var clock = time_t(seconds.rounded(.down))
    var parts = tm()
    guard gmtime_r(&clock, &parts) != nil else { return "?" }
    func two(_ value: Int32) -> String { (value < 10 ? "0" : "") + "\(value)" }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) "
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
  }
}
