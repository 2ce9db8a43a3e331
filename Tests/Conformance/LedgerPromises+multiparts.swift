import Core
import Ledger
import TestSupport
import Testing

extension LedgerPromise {
    static let multiparts: [Self] = [
        Self("remembers uploads in parts until their end, each store's by itself") { ledger, time in
            let (mine, other) = (NodeID(checked: "node_1"), NodeID(checked: "node_2"))
            let first = MultipartRow(store: "s3://a", key: "tracks/u%40x/trk_1/up_1.flac", uploadID: "x/y+z==")
            let second = MultipartRow(store: "s3://a", key: "hls/trk_1/gen_1/a", uploadID: "2")
            let elsewhere = MultipartRow(store: "s3://b", key: second.key, uploadID: "2")
            for (row, node) in [(first, mine), (first, mine), (second, other), (elsewhere, mine)] {
                try await ledger.write("a") { try $0.multiparts.begin(row, node: node) }
                time.advance(by: .seconds(10))
            }
            func unfinished(_ age: Duration, of node: NodeID? = nil, limit: Int = 10) async throws -> [MultipartRow] {
                let moment = time.now - age
                return try await ledger.read("b") { tx in
                    try tx.multiparts.unfinished(at: "s3://a", before: moment, of: node, limit: limit)
                }
            }
            #expect(try await unfinished(.zero) == [first, second])
            #expect(try await unfinished(.seconds(25)) == [first])
            #expect(try await unfinished(.zero, limit: 1) == [first])
            #expect(try await unfinished(.zero, of: other) == [second])
            #expect(try await ledger.read("c") { try $0.multiparts.holds(elsewhere) })
            try await ledger.write("d") { try $0.multiparts.end(first) }
            try await ledger.write("d") { try $0.multiparts.end(first) }
            #expect(try await unfinished(.zero) == [second])
            #expect(try await ledger.read("c") { try !$0.multiparts.holds(first) })
        }
    ]
}
