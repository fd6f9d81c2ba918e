"""The last step of every strategy beyond rolling: all pods and all the traffic are the candidate's."""

from lockgate.domain.plan import Step
from lockgate.plan.gates.available import available
from lockgate.plan.gates.routed import routed

WHOLE = Step(replicas=100, weight=100, in_place=False, gates=(available, routed))
