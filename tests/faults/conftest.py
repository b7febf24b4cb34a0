import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))

sys.path.insert(0, _HERE)
sys.path.append(
    os.path.join(os.path.dirname(_HERE), "unit", "agent")
)  # the scripted model, the rungs
