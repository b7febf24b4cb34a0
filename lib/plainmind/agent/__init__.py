"""One turn of the agent: its loop, prompt, skills, bash and its sandbox."""
