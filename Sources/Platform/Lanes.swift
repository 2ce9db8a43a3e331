/// A fixed number of lanes; the same key goes to the same lane for the life of the process, so what shares a key is in order.
package final class Lanes: Sendable {
    private let lanes: [Lane]

    package init(count: Int, name: String) throws(Errno) {
        precondition(count > 0)
        var lanes: [Lane] = []
        for number in 0..<count { lanes.append(try Lane(name: "\(name)-\(number)")) }
        self.lanes = lanes
    }

    package var count: Int { lanes.count }

    package func lane(for key: some Hashable) -> Lane {
        lanes[Int(UInt(bitPattern: key.hashValue) % UInt(lanes.count))]
    }
}
