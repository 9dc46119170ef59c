//! What clients ask and servers answer: heads as programs really write them.
//!
//! In: a shape and a number. Out: the request, and the pieces of the response as calls hand them to
//! the kernel. The number makes paths and lengths differ.

/// One kind of exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// A library's request; nginx answers with head and content in one call, two buffers.
    Api,
    /// A browser's request with a cookie and everything else that browsers send.
    Browser,
    /// Node's answer, its content in chunks that come in calls of their own.
    Chunked,
    /// A request of curl on a connection of its own.
    Fresh,
    /// A library's request; the answer is JSON of a little more than 1 KiB, as an API lists things.
    Body,
}

impl Shape {
    /// The request.
    pub fn request(self, number: usize) -> String {
        match self {
            Self::Api | Self::Chunked | Self::Body => api(number),
            Self::Browser => browser(number),
            Self::Fresh => curl(number),
        }
    }

    /// The response: one text for each buffer that a call is given.
    pub fn response(self, number: usize) -> Vec<String> {
        match self {
            Self::Api | Self::Browser | Self::Fresh => whole(number, &json(300 + number % 300)),
            Self::Body => whole(number, &orders(number)),
            Self::Chunked => chunked(number),
        }
    }
}

fn api(number: usize) -> String {
    format!(
        "GET /api/v1/orders/{number}?expand=items&page={} HTTP/1.1\r\n\
         Host: shop.example.com\r\n\
         User-Agent: python-requests/2.32.3\r\n\
         Accept-Encoding: gzip, deflate\r\n\
         Accept: application/json\r\n\
         Connection: keep-alive\r\n\
         X-Request-Id: 7d44a8f0-91c5-4e0b-b8a2-{number:012}\r\n\r\n",
        number % 7
    )
}

fn browser(number: usize) -> String {
    format!(
        "GET /catalogue/{number}/details HTTP/1.1\r\n\
         Host: www.example.com\r\n\
         Connection: keep-alive\r\n\
         sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n\
         sec-ch-ua-mobile: ?0\r\n\
         sec-ch-ua-platform: \"Linux\"\r\n\
         Upgrade-Insecure-Requests: 1\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/140.0.0.0 Safari/537.36\r\n\
         Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
         */*;q=0.8\r\n\
         Sec-Fetch-Site: same-origin\r\n\
         Sec-Fetch-Mode: navigate\r\n\
         Sec-Fetch-Dest: document\r\n\
         Referer: https://www.example.com/catalogue/{number}\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
         Cookie: session=9c1f6a0e{number:08}; theme=dark; consent=yes\r\n\r\n"
    )
}

fn curl(number: usize) -> String {
    format!(
        "GET /v1/users/{number}?page=2 HTTP/1.1\r\n\
         Host: api.example.com\r\n\
         User-Agent: curl/8.14.1\r\n\
         Accept: */*\r\n\r\n"
    )
}

fn whole(number: usize, content: &str) -> Vec<String> {
    let head = format!(
        "HTTP/1.1 200 OK\r\n\
         Server: nginx/1.22.1\r\n\
         Date: Sun, 22 Nov 2026 07:00:00 GMT\r\n\
         Content-Type: application/json\r\n\
         Content-Length: {}\r\n\
         Last-Modified: Sat, 21 Nov 2026 18:31:04 GMT\r\n\
         Connection: keep-alive\r\n\
         ETag: \"6920ae58-{number:x}\"\r\n\
         Accept-Ranges: bytes\r\n\r\n",
        content.len()
    );
    vec![head, content.to_owned()]
}

fn chunked(number: usize) -> Vec<String> {
    let chunk = |bytes: usize| format!("{bytes:x}\r\n{}\r\n", json(bytes));
    let head = String::from(
        "HTTP/1.1 200 OK\r\n\
         X-Powered-By: Express\r\n\
         Content-Type: application/json; charset=utf-8\r\n\
         Vary: Accept-Encoding\r\n\
         Date: Sun, 22 Nov 2026 07:00:00 GMT\r\n\
         Connection: keep-alive\r\n\
         Keep-Alive: timeout=5\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
    );
    vec![head + &chunk(180), chunk(200 + number % 200), String::from("0\r\n\r\n")]
}

/// Orders of a shop, a little more than 1 KiB. Nobody's name or secret is in it.
fn orders(number: usize) -> String {
    let order = |number: usize| {
        format!(
            "{{\"id\":{number},\"reference\":\"7d44a8f0-91c5-4e0b-b8a2-{number:012}\",\
             \"status\":\"shipped\",\"currency\":\"EUR\",\"total\":{}.90,\
             \"created_at\":\"2026-11-22T07:{:02}:12Z\",\"express\":false,\"note\":null,\
             \"items\":[{{\"sku\":\"LAMP-{:04}\",\"title\":\"Desk lamp, warm white\",\
             \"quantity\":{},\"price\":19.90}}]}}",
            number % 500,
            number % 60,
            number % 10_000,
            1 + number % 3,
        )
    };
    let orders: Vec<String> = (number..number + 4).map(order).collect();
    format!("{{\"orders\":[{}],\"page\":1,\"more\":true}}", orders.join(","))
}

/// So many bytes that look like content.
fn json(bytes: usize) -> String {
    r#"{"id":4711,"name":"lamp","price":"19.90"},"#.chars().cycle().take(bytes).collect()
}
