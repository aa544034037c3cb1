"""Speed and quality, alone and beside peers; `make bench` runs those that compare."""

from unroll import processes

processes.wait_briefly()
