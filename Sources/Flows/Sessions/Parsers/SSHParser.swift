/// SSH (RFC 4253, RFC 4252): version lines, the end of the key exchange, and how logins end, guessed
/// from sizes.
///
/// After the key exchange the server's first answer is SERVICE_ACCEPT for "ssh-userauth"; an
/// accepted login is answered with USERAUTH_SUCCESS, one byte, which with every cipher and MAC in
/// use is exactly 16 bytes shorter. A refusal always has the same, greater length. This is the
/// reasoning of Zeek's SSH analyser (V. Grigorescu, 2014).
final class SSHParser: SessionParser {
  /// Between SERVICE_ACCEPT and USERAUTH_SUCCESS, in bytes.
  private static let successDifference = 16
  /// Bytes of one direction that the clear part may take.
  private static let clearLimit = 65_536
  /// Answers after which nothing is guessed any more.
  private static let answerLimit = 256
  /// A password request is longer by this than the request without method that usually comes first,
  /// in bytes.
  private static let methodDifference = 8
  private static let newKeys: UInt8 = 21

  private enum Phase { case banner, clear, encrypted }

  private struct Side {
    var phase = Phase.banner
    var line: [UInt8] = []
    /// Of the packet at hand: its length's and type's bytes, and what is left of it.
    var header: [UInt8] = []
    var left = 0
    var clearBytes = 0
  }

  @exclusivity(unchecked) private var sides = [Side(), Side()]
  @exclusivity(unchecked) private var acceptSize = 0
  @exclusivity(unchecked) private var failureSize = 0
  @exclusivity(unchecked) private var clientSegments = 0
  @exclusivity(unchecked) private var firstRequest = 0
  @exclusivity(unchecked) private var failures = 0
  @exclusivity(unchecked) private var answers = 0
  @exclusivity(unchecked) private var isFirstJudged = false
  @exclusivity(unchecked) private var isAccepted = false
  @exclusivity(unchecked) private var isToldEncrypted = false
  /// Of the client's clear part (FNV-1a).
  @exclusivity(unchecked) private var mark: UInt64 = 0xcbf2_9ce4_8422_2325

  init() { super.init(.ssh) }

  override var held: Int { sides[0].line.count + sides[1].line.count }

  override func feed(
    _ bytes: UnsafeRawBufferPointer, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    var at = 0
    let index = direction.index
    while at < bytes.count {
      let start = at
      switch sides[index].phase {
      case .banner: feedBanner(bytes, &at, direction, &output)
      case .clear: feedClear(bytes, &at, index)
      case .encrypted:
        return feedEncrypted(bytes.count - at, direction, &output)
      }
      if direction == .out {
        for place in start..<at { mark = (mark ^ UInt64(bytes[place])) &* 0x100_0000_01b3 }
      }
      sides[index].clearBytes += 1
      if sides[index].clearBytes > Self.clearLimit { return false }
    }
    return true
  }

  /// Who leaves after the first refusal sent no other request to measure that one by: a password
  /// without the usual question before it, or a client that has nothing else to offer. Either way
  /// nobody came in.
  override func finish(_ output: inout SessionOutput) {
    guard !isFirstJudged, failureSize > 0, failures == 0, clientSegments == 2, !isAccepted else {
      return
    }
    failures = 1
    tell(.loginFailed, &output)
  }

  private func feedBanner(
    _ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ direction: FlowDirection,
    _ output: inout SessionOutput
  ) {
    let index = direction.index
    let byte = bytes[at]
    at += 1
    guard byte == 0x0a else {
      if sides[index].line.count < SSHProgress.bannerLimit { sides[index].line.append(byte) }
      return
    }
    if sides[index].line.last == 0x0d { sides[index].line.removeLast() }
    // Other lines may come first (RFC 4253, 4.2).
    if sides[index].line.begins("ssh-") {
      var progress = SSHProgress()
      progress.banner = sides[index].line
      output.tell(.ssh(progress))
      sides[index].phase = .clear
    }
    sides[index].line = []
  }

  /// Binary packets before encryption: four bytes of length, one of padding, the type.
  private func feedClear(_ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ index: Int) {
    if sides[index].left > 0 {
      let count = min(sides[index].left, bytes.count - at)
      sides[index].left -= count
      at += count
    } else {
      sides[index].header.append(bytes[at])
      at += 1
    }
    guard sides[index].header.count == 6 else { return }
    if sides[index].left == 0, sides[index].header[5] != 0xff {
      let header = sides[index].header
      let length = header[0..<4].reduce(0) { $0 << 8 | Int($1) }
      guard length >= 2, length <= 1 << 18 else {
        // Not SSH 2 any more: as good as encrypted.
        sides[index].phase = .encrypted
        return
      }
      sides[index].left = length - 2
      sides[index].header[4] = header[5] == Self.newKeys ? Self.newKeys : 0
      sides[index].header[5] = 0xff
    }
    if sides[index].left == 0 {
      let isLast = sides[index].header[4] == Self.newKeys
      sides[index].header = []
      if isLast { sides[index].phase = .encrypted }
    }
  }

  /// Sizes of segments stand for sizes of packets: who waits for an answer sends one at a time.
  private func feedEncrypted(
    _ size: Int, _ direction: FlowDirection, _ output: inout SessionOutput
  ) -> Bool {
    guard sides[0].phase == .encrypted, sides[1].phase == .encrypted else { return true }
    if !isToldEncrypted {
      isToldEncrypted = true
      tell(.encrypted, &output)
    }
    if direction == .out {
      clientSegments += 1
      if clientSegments == 2 { firstRequest = size }
      if clientSegments == 3 { judgeFirst(size, &output) }
      return true
    }
    guard clientSegments > 0 else { return true }
    answers += 1
    guard answers <= Self.answerLimit else { return false }
    return judgeAnswer(size, &output)
  }

  /// The first request usually names no method and only asks which there are; but where the second
  /// has the same length, it was a password.
  private func judgeFirst(_ second: Int, _ output: inout SessionOutput) {
    guard !isFirstJudged, failureSize > 0 else { return }
    isFirstJudged = true
    guard second < firstRequest + Self.methodDifference else { return }
    failures += 1
    tell(.loginFailed, &output)
  }

  private func judgeAnswer(_ size: Int, _ output: inout SessionOutput) -> Bool {
    if acceptSize == 0 {
      acceptSize = size
    } else if size == acceptSize - Self.successDifference {
      isAccepted = true
      tell(.loginSucceeded, &output)
      return false
    } else if failureSize == 0 {
      failureSize = size
    } else if size == failureSize {
      failures += 1
      tell(.loginFailed, &output)
    }
    return true
  }

  private func tell(_ stage: SSHProgress.Stage, _ output: inout SessionOutput) {
    var progress = SSHProgress()
    progress.stage = stage
    progress.failures = failures
    if stage == .encrypted { progress.mark = max(mark, 1) }
    output.tell(.ssh(progress))
  }
}
