"""The table of the commands that operate a deployment."""

import typer

from videovector_bridge.cli.operate import pause_commands, rewind_command
from videovector_bridge.cli.operate.doctor import command as doctor
from videovector_bridge.cli.operate.letters import commands as letters
from videovector_bridge.cli.operate.replay import command as replay
from videovector_bridge.cli.operate.status import command as status
from videovector_bridge.cli.operate.tail import command as tail

app = typer.Typer()
app.command("status", epilog=status.EPILOG)(status.status_command)
app.command("doctor", epilog=doctor.EPILOG)(doctor.doctor_command)
app.command("pause", epilog=pause_commands.PAUSE_EPILOG)(pause_commands.pause_command)
app.command("resume", epilog=pause_commands.RESUME_EPILOG)(pause_commands.resume_command)
app.command("rewind", epilog=rewind_command.EPILOG)(rewind_command.rewind_command)
app.command("tail", epilog=tail.EPILOG)(tail.tail_command)
app.command("replay", epilog=replay.EPILOG)(replay.replay_command)
app.add_typer(letters.rejected, name="rejected")
app.add_typer(letters.dead_letters, name="dead-letters")
