/// Cuts a run of frames into segments on a constant grid. Always one segment is held back, so that the last two can share
/// what remains: no runt is ever the last.
struct Segmenter {
    /// Frames of a segment; the first has `extra` more, for the priming that nobody hears.
    private let grid: Int
    private let extra: Int
    private var held: [Frame] = []
    private var isFirst = true

    init(grid: Int, extra: Int) {
        self.grid = grid
        self.extra = extra
    }

    private var next: Int { grid + (isFirst ? extra : 0) }

    mutating func push(_ frames: [Frame]) -> [[Frame]] {
        held += frames
        var segments: [[Frame]] = []
        while held.count >= next + grid { segments.append(take(next)) }
        return segments
    }

    /// What is left: one segment, or two of which neither is shorter than half the grid.
    mutating func finish() -> [[Frame]] {
        guard held.count > next else { return held.isEmpty ? [] : [take(held.count)] }
        if held.count - next >= (grid + 1) / 2 { return [take(next), take(held.count)] }
        // Halves in threes of frames, which is one FLAC frame of three AAC frames.
        let half = max(1, (held.count / 2 + 2) / 3 * 3)
        return [take(min(half, held.count - 1)), take(held.count)]
    }

    private mutating func take(_ count: Int) -> [Frame] {
        defer {
            held.removeFirst(count)
            isFirst = false
        }
        return Array(held[..<count])
    }
}
