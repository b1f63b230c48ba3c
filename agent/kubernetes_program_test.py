#!/usr/bin/env python3
"""baro-agent against a Kubernetes API server and kubelet (a double, over TLS with a token).

Usage: kubernetes_program_test.py BARO_AGENT KUBERNETES_DOUBLE OBJECTS.jsonl
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

AGENT, DOUBLE, OBJECTS = sys.argv[1:4]
UID = "8c9d0e1f-0000-4000-8000-000000000001"
CONTAINER = "a" * 64
POD = {"metadata": {"namespace": "shop", "name": "web-1", "uid": UID},
       "status": {"phase": "Running", "containerStatuses": [
           {"name": "web", "image": "shop/web:1", "containerID": f"containerd://{CONTAINER}"}]}}


def await_json(url, condition, seconds=30):
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            last = json.load(urllib.request.urlopen(url, timeout=5))
            if condition(last):
                return last
        except OSError as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"not in {seconds} s: {last}")


class Agent:
    """baro-agent with this configuration, beside the double."""

    def __init__(self, config, flags=(), pods=None):
        self.folder = tempfile.TemporaryDirectory()
        root = pathlib.Path(self.folder.name)
        command = [DOUBLE, str(root), OBJECTS]
        if pods is not None:
            (root / "pods.json").write_text(json.dumps(pods))
            command.append(str(root / "pods.json"))
        self.double = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        server = (f"{{url: \"{self.double.stdout.readline().strip()}\", authorization: {{credentials_file: token}}, "
                  "tls_config: {ca_file: ca.crt}}")
        (root / "agent.yml").write_text(config.replace("SERVER", server))
        self.root = root
        self.agent = subprocess.Popen(
            [AGENT, f"--config.file={root}/agent.yml", "--collector.address=127.0.0.1:9",
             f"--spool.path={root}/spool", "--http.listen-address=127.0.0.1:0", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.url = None
        for line in self.agent.stdout:
            if match := re.search(r"answers on (http://[\d.:]+)", line):
                self.url = match[1]
                break

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.agent.terminate()
        self.agent.communicate(timeout=30)
        self.double.stdin.close()
        self.double.wait(timeout=30)
        self.double.stdout.close()
        self.folder.cleanup()


class Kubernetes(unittest.TestCase):
    def test_cluster_mode_collects_every_resource_once_it_holds_the_lease(self):
        with Agent("cluster: {interval: 1s, api: SERVER}\n", ["--mode=cluster"]) as agent:
            targets = await_json(agent.url + "/targets", lambda t: t["cluster"] and t["cluster"]["leading"] and all(
                r["synced"] for r in t["cluster"]["resources"]) and t["cluster"]["lastPassMs"] > 0)
            objects = {r["name"]: r["objects"] for r in targets["cluster"]["resources"]}
            self.assertEqual(objects["deployments"], 2)
            self.assertEqual(objects["pods"], 2)
            self.assertTrue(all(objects.values()), objects)
            self.assertIsNone(targets["node"])
            self.assertEqual(agent.agent.poll(), None)

    def test_node_mode_names_containers_by_the_kubelet(self):
        with tempfile.TemporaryDirectory() as sysfs:
            group = pathlib.Path(sysfs) / "fs/cgroup/kubepods" / f"pod{UID}" / CONTAINER
            group.mkdir(parents=True)
            (pathlib.Path(sysfs) / "fs/cgroup/cgroup.controllers").write_text("cpu\n")
            for folder in (group, group.parent):
                (folder / "cpu.stat").write_text("usage_usec 1000000\n")
            config = "pods: {interval: 1s, node_name: n1, kubelet: SERVER, api: SERVER}\n"
            with Agent(config, [f"--path.sysfs={sysfs}"], pods={"items": [POD]}) as agent:
                targets = await_json(agent.url + "/targets", lambda t: t["pods"] and t["pods"]["pods"] == 1
                                     and t["pods"]["groupsUnknown"] == 0 and t["pods"]["groups"] >= 3)
                self.assertEqual(targets["pods"]["kubeletError"], "")
                self.assertEqual(targets["pods"]["nodeError"], "")
                self.assertIsNone(targets["cluster"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
