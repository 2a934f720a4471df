import Reports
import Terms

/// An instance that may have to give way.
struct InstanceEviction {
  /// Those who share room: as far along, of one crowd.
  struct Share: Hashable {
    var stage: Int
    var crowd: Crowd

    func hash(into hasher: inout Hasher) {
      hasher.combine(stage)
      hasher.combine(crowd)
    }

    func _rawHashValue(seed: Int) -> Int { crowd._rawHashValue(seed: seed ^ stage << 20) }
  }

  private struct ChildShare: Hashable {
    var stage: Int
    var child: Crowd.Child

    func hash(into hasher: inout Hasher) {
      hasher.combine(stage)
      hasher.combine(child)
    }

    func _rawHashValue(seed: Int) -> Int { child._rawHashValue(seed: seed ^ stage << 20) }
  }

  var entry: DirectiveInstances.Entry
  var touched: CaptureTime
  var share: Share
  /// How many of its share, then of its child's, are worth more.
  private var rank = 0

  init(entry: DirectiveInstances.Entry, touched: CaptureTime, share: Share) {
    self.entry = entry
    self.touched = touched
    self.share = share
  }

  /// The newer first.
  private static func isNewer(_ left: InstanceEviction, _ right: InstanceEviction) -> Bool {
    (left.touched, left.entry) > (right.touched, right.entry)
  }

  /// Those that came least far go first. Of them whoever holds most gives: of the children the one
  /// with most instances, of its blocks of addresses the one with most, and there the longest
  /// untouched. So a flood of openings never pushes out an attack that has advanced, and a flood of
  /// advanced ones none that is not part of it.
  static func order(_ candidates: [InstanceEviction]) -> [DirectiveInstances.Entry] {
    var list = candidates
    list.sort(by: isNewer)
    var held: [Share: Int] = [:]
    for index in list.indices { list[index].rank = next(&held[list[index].share, default: 0]) }
    list.sort { $0.rank != $1.rank ? $0.rank < $1.rank : isNewer($0, $1) }
    var ofChild: [ChildShare: Int] = [:]
    for index in list.indices {
      let share = list[index].share
      let key = ChildShare(stage: share.stage, child: share.crowd.child)
      list[index].rank = next(&ofChild[key, default: 0])
    }
    list.sort { left, right in
      if left.share.stage != right.share.stage { return left.share.stage < right.share.stage }
      return left.rank != right.rank ? left.rank > right.rank : isNewer(right, left)
    }
    return list.map(\.entry)
  }

  private static func next(_ count: inout Int) -> Int {
    defer { count += 1 }
    return count
  }
}
