import Platform

/// Threads for scans, one scan each at a time; further ones wait in order.
actor LanePool {
    static let longestQueue = 4096

    private let lanes: [Lane]
    private var free: [Lane]
    private var waiting: [CheckedContinuation<Lane, Never>] = []

    init(count: Int) throws(Errno) {
        var lanes: [Lane] = []
        for number in 0..<max(1, count) { lanes.append(try Lane(name: "scan-\(number)")) }
        self.lanes = lanes
        free = lanes
    }

    func run<T: Sendable>(
        _ body: @escaping @Sendable () throws(ScanFailure) -> T
    ) async throws(ScanFailure) -> T {
        let lane: Lane
        if let next = free.popLast() {
            lane = next
        } else {
            guard waiting.count < Self.longestQueue else {
                throw ScanFailure(.resources, "\(waiting.count) files wait for the scanner already")
            }
            lane = await withCheckedContinuation { waiting.append($0) }
        }
        defer { release(lane) }
        return try await lane.run(body)
    }

    private func release(_ lane: Lane) {
        if waiting.isEmpty { free.append(lane) } else { waiting.removeFirst().resume(returning: lane) }
    }
}
