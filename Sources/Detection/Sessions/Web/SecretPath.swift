/// Paths at which keys, passwords and sources lie where they were left by mistake. No page links to
/// them, and no browser asks for them by itself.
enum SecretPath {
  /// What such a path ends with, in lower case.
  private static let ends: [StaticString] = [
    "/.env", "/.env.bak", "/.env.old", "/.env.save", "/.env.local", "/.env.prod",
    "/.env.production", "/.env.staging", "/.git/config", "/.git/head", "/.git-credentials",
    "/.svn/entries", "/.svn/wc.db", "/.aws/credentials", "/.ssh/id_rsa", "/.ssh/id_ed25519",
    "/.ssh/authorized_keys", "/id_rsa", "/.htpasswd", "/.bash_history", "/.docker/config.json",
    "/.vscode/sftp.json", "/wp-config.php.bak", "/wp-config.php.old", "/wp-config.php.save",
    "/wp-config.php.swp", "/wp-config.php.txt", "/wp-config.php~", "/.wp-config.php.swp",
  ]

  /// Which bytes one of them ends with: nearly every path is let go at once.
  private static let lasts: [Bool] = {
    var lasts = [Bool](repeating: false, count: 256)
    for end in ends { lasts[Int(end.utf8Start[end.utf8CodeUnitCount - 1])] = true }
    return lasts
  }()

  static func isNamed(by path: ArraySlice<UInt8>) -> Bool {
    guard let last = path.last, lasts[Int(last.lowered)] else { return false }
    return ends.contains { end in
      path.count >= end.utf8CodeUnitCount && path.suffix(end.utf8CodeUnitCount).begins(end)
    }
  }
}
