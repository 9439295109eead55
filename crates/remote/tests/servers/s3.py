"""An S3 server on a free port with a bucket named `bucket`; prints the port. Anyone may read it.

moto compares and writes in two steps, so it answers one request at a time here: conditional writes are what is tested.
"""

import json

from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

READERS = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}

backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
backend.create_bucket("bucket", "us-east-1")
# Who only reads needs no credentials.
backend.put_bucket_policy("bucket", json.dumps({"Version": "2012-10-17", "Statement": [READERS]}).encode())
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
print(server.server_port, flush=True)
server.serve_forever()
