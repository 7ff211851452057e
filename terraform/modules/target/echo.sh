# A web server that answers with the request headers it got. The image has Python; nothing is installed, for there is no way
# to the Internet.
cat >/usr/local/bin/alblab-echo <<'PYTHON'
#!/usr/bin/python3
import http.server


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 65

    def answer(self):
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                return
            left -= len(piece)
        head = f"{self.command} {self.path} {self.request_version}\nHost: {self.headers.get('Host', '')}\n"
        rest = sorted(f"{name}: {value}\r\n" for name, value in self.headers.items() if name.lower() != "host")
        body = (head + "".join(rest)).encode("utf-8", "replace")
        self.send_response_only(200)  # without Server, as the target of the embedded lab answers
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    import sys

    port = int(sys.argv[1]) if len(sys.argv) > 1 else 80
    http.server.ThreadingHTTPServer(("", port), Echo).serve_forever()
PYTHON
chmod 0755 /usr/local/bin/alblab-echo
cat >/etc/systemd/system/alblab-echo.service <<'UNIT'
[Unit]
Description=Answers with the request headers it got
After=network.target

[Service]
ExecStart=/usr/local/bin/alblab-echo
DynamicUser=yes
AmbientCapabilities=CAP_NET_BIND_SERVICE
Restart=always

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now alblab-echo.service
