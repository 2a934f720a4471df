extension FlowLimits {
  /// What each of `count` engines gets that share a capture: an equal part of what is counted.
  public func share(of count: Int) -> FlowLimits {
    guard count > 1 else { return self }
    var share = self
    share.capacity = max(capacity / count, 16)
    share.sessions.sessions = max(sessions.sessions / count, 16)
    share.sessions.bytes = max(sessions.bytes / count, 1 << 20)
    return share
  }
}
