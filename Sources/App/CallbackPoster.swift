import Core
import HTTPClient
import StreamCoord

/// Carries callbacks: StreamCoord decides, this sends.
enum CallbackPoster {
    static func post(with client: HTTPClient) -> CallbackPost {
        { request in
            let outgoing = ClientRequest(
                "POST", request.url, fields: request.fields, body: .bytes(request.body),
                deadlines: .init(
                    connect: .seconds(5), firstByte: .seconds(15), stall: .seconds(15), whole: .seconds(20)),
                responseLimit: 65_536)
            do throws(ClientFailure) {
                let response = try await client.send(outgoing)
                return .status(response.status, retryAfter: response.fields["retry-after"])
            } catch {
                return error.kind == .invalid ? .unsendable(error.message) : .unreachable(error.message)
            }
        }
    }
}
