"""The source file of functions under test, as functions/main.py is of those that are deployed.

`create_app` of functions-framework runs this file. The functions use what the test host opens.
"""

import functions_framework

from tests.support.subscribing import INSTANCE
from videovector_bridge.automate.subscriber import entry_points

globals().update(
    {name: functions_framework.http(each) for name, each in entry_points(INSTANCE.get()).items()}
)
