"""What a teacher needs, made from the lessons: editions, slides, quizzes, assignments, run sheets. Run: make classroom"""
