import Core
import HTTPClient
import StreamCoord

/// Carries callbacks: StreamCoord decides, this sends.
enum CallbackPoster {
    /// Enough of an answer to see why the endpoint rejected the event.
    static func excerpt(_ body: [UInt8]) -> String? {
        let text = String(decoding: body.prefix(500), as: UTF8.self)
        let plain = String(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) })
        return plain.isEmpty ? nil : plain
    }

    static func post(with client: HTTPClient) -> CallbackPost {
        { request in
            let outgoing = ClientRequest(
                "POST", request.url, fields: request.fields, body: .bytes(request.body),
                deadlines: .init(
                    connect: .seconds(5), firstByte: .seconds(15), stall: .seconds(15), whole: .seconds(20)),
                responseLimit: 65_536)
            do throws(ClientFailure) {
                let response = try await client.send(outgoing)
                return .status(
                    response.status, retryAfter: response.fields["retry-after"],
                    body: response.isSuccess ? nil : excerpt(response.body))
            } catch {
                return error.kind == .invalid ? .unsendable(error.message) : .unreachable(error.message)
            }
        }
    }
}
