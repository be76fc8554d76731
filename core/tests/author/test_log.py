"""What operators and hooks log with."""


def test_operators_and_hooks_have_a_logger_of_their_class(dag_of, tried, value, caplog):
    dag = dag_of("""
        class Own(Hook):
            def work(self): self.log.warning("hook")
        class Tell(Operator):
            def execute(self, context):
                self.log.warning("operator")
                Own("c").work()
                return self.log.name
        class Kept(Operator):
            def __init__(self, log, **kwargs):
                super().__init__(**kwargs)
                self.log = log
            def execute(self, context): return self.log
        with DAG("d"):
            Tell(task_id="a"), Kept(task_id="b", log="an argument of its own")
        """)
    assert value(tried(dag, "a")).endswith(".Tell")
    assert caplog.messages == ["operator", "hook"]
    assert value(tried(dag, "b")) == "an argument of its own"
